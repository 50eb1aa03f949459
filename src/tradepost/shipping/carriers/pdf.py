"""One page of text as a PDF (ISO 32000-1), by hand."""

from collections.abc import Sequence

_WIDTH, _HEIGHT = 288, 432  # 4 by 6 inches, in points
_MARGIN, _SIZE, _LEADING = 18, 10, 14


def page(lines: Sequence[str]) -> bytes:
    """A page in the size of a parcel's label. Characters that its font does not have are shown as `?`."""
    text = b"".join(b"(%s) Tj T*\n" % _escaped(line) for line in lines)
    start = _HEIGHT - _MARGIN - _SIZE
    stream = b"BT /F1 %d Tf %d TL %d %d Td\n%sET" % (_SIZE, _LEADING, _MARGIN, start, text)
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R" % (_WIDTH, _HEIGHT)
            + b" /Resources << /Font << /F1 5 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        ]
    )


def _escaped(line: str) -> bytes:
    written = line.encode("cp1252", "replace")
    return written.replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")


def _file(objects: Sequence[bytes]) -> bytes:
    """The objects, and behind them where each of them begins."""
    made = bytearray(b"%PDF-1.4\n")
    begins = []
    for number, each in enumerate(objects, 1):
        begins.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % begin for begin in begins)
    size = len(objects) + 1
    at = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, at)
    return bytes(made)
