"""The loop of a campaign: chunks come back, a model looks, a policy decides where to go on."""
