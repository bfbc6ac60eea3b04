"""Messages between processes by one route or another: how fast, how soon, and whether what arrived is what was sent."""
