"""Counts in words."""


def count_of(number: int, one: str, many: str = "") -> str:
    """Return "1 image" or "2,000 images"; ``many`` where the plural has more than an s."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"
