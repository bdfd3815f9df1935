"""Arrays in, indices out: which of many candidates are worth a reference calculation."""
