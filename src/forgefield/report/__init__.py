"""What a run folder holds, as one page for people."""
