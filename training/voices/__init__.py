"""How the data of the voices were made: the rules for English words that no lexicon has, the packed voices, samples."""
