"""Words and rules without I/O that every other package speaks in: money, ids, time, errors, states, pages, actors."""
