"""What stage A costs, and whether its arms mean something."""
