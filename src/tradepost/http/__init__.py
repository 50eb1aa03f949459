"""What routes need: strict input, one error format, keyed writes, request ids, and a document that says it all."""

from tradepost.http.answers import CSV, Answer, Streamed
from tradepost.http.bodies import Amount, In, Limit, Moment, Out, Text, Upload
from tradepost.http.call import Call
from tradepost.http.paging import PageOut, PageQuery, page_out, window
from tradepost.http.problems import Problem
from tradepost.http.routes import Routes

__all__ = [
    "CSV",
    "Amount",
    "Answer",
    "Call",
    "In",
    "Limit",
    "Moment",
    "Out",
    "PageOut",
    "PageQuery",
    "Problem",
    "Routes",
    "Streamed",
    "Text",
    "Upload",
    "page_out",
    "window",
]
