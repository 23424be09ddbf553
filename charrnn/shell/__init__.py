"""The command line: ``python -m charrnn COMMAND``, its options, its output and its words."""
