"""Properties of a crystal from any ASE calculator, and the verdict on them."""
