"""Speech from text.

voices        the voices that ship, and which of them speaks a text if the caller names none
sentences     a text in pieces that are spoken one by one
numbers       numbers, dates and amounts in English and Chinese words
english       English phones: a lexicon, word endings, compounds, and rules (`spelling`) for the rest
mandarin      Mandarin phones: words, readings, tones
espeak        phones of other languages by the program espeak-ng, where it is installed
phonemes      a piece in the letters that the network knows
kokoro        the network, through Triton
remote        another speech server, in its place
speaker       a text becomes sound, piece by piece
model         the network's folder for a model repository, made of Python packages
"""
