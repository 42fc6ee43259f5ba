"""Find the faces of a video, verify them, link them into tracks and cut them out."""
