"""Tables, figures and the page; reads files, never torch."""
