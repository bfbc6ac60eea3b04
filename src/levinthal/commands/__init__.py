"""The commands of the command line, a module each; what is heavy is imported when a command is carried out."""
