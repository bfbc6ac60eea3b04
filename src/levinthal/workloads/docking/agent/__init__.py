"""The agent: an equivariant policy, PPO on tensors, checkpoints without pickle, and the policy as a search."""
