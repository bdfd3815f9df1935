"""Exploration with a potential: relaxation and molecular dynamics that stop where the potential is unsure."""
