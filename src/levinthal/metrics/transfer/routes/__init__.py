"""Routes of messages, a module each; see `levinthal.metrics.transfer.route`."""
