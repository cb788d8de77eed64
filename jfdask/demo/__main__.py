"""``python -m jfdask.demo``."""

from jfdask.demo.serve import command

if __name__ == "__main__":
    command()
