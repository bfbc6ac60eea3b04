"""The engines that come with Levinthal: a module each, named as the engine is; see `levinthal.plugins`."""
