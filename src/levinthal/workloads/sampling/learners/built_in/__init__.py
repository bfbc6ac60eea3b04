"""The learners that `learner=` names, one module each; `LEARNER` is a dataclass of its settings."""
