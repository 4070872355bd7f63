"""The grammar of events and emotions from which the texts of the embedded model are drawn."""
