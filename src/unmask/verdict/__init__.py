"""A verdict on one file, with its evidence: the path that command line, Python and page share.

A file is decoded and searched for faces once, for any number of models. Every crop is encoded
as the crops of the training were and cut into clips as these were, so that a score here equals the
one that ``unmask evaluate`` writes. Only encoded crops are kept, so that an hour of video needs
little more memory than a minute of it.
"""
