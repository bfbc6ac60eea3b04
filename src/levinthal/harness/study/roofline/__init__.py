"""How near to what a machine can do at best a training comes: one point in a process of its own."""
