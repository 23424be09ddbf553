"""How things look: plain values in, text for people out."""
