"""Real images: reading them from files nobody vouches for, and the reference that is kept of them.

Not here: encoders, or what is done with the reference (transfer/, gap/).
"""
