"""Counts in words."""


def count_of(number: int, one: str, many: str = "") -> str:
    """Return "1 image" or "2,000 images"; ``many`` where the plural has more than an s."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def files_stay(number: int) -> str:
    """Return "1 file stays where it is" or "3 files stay where they are"."""
    return f"{count_of(number, 'file')} {'stays where it is' if number == 1 else 'stay where they are'}"
