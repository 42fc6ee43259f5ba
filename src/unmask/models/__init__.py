"""Networks: a backbone per frame, a temporal head over the sequence. torch and timm only."""
