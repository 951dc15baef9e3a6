"""workshop: the explorers as one story on a projector, and a room that answers from its own laptops."""
