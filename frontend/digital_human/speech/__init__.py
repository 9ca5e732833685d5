"""Speech from text.

voices        the voices that ship, and which of them speaks a text if the caller names none
sentences     a text in pieces that are spoken one by one
english_numbers, chinese_numbers   numbers, dates and amounts in words
english       English phones: a lexicon, word endings, compounds
spelling      English phones of words that no lexicon has, by rules
mandarin      Mandarin phones: words, readings, tones
espeak        phones of other languages by the program espeak-ng, where it is installed
phonemes      a piece in the letters that the network knows
vocabulary    those letters, and their numbers
kokoro        the network, through Triton
remote        another speech server, in its place
speaker       a text becomes sound, piece by piece
model         the network's folder for a model repository, made of Python packages
"""
