"""Regions and how they are divided: triangulations, boxes, and the losses of their parts."""
