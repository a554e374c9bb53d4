"""What is measured on the cells: counts by definition, volumes, boundaries and distances."""
