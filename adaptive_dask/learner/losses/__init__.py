"""Loss functions for triangles, simplices and boxes."""
