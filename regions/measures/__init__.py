"""What is measured on the cells: counts by definition, volumes, boundaries, affine maps and distances."""
