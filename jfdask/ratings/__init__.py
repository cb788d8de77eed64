"""Dumps of public ratings, as their user downloads them: files, chunks of lines, films.

ratings.csv  userId,movieId,rating,timestamp     ratings.dat  1::1193::5::978300760
links.csv    movieId,imdbId,tmdbId               movies.dat   1::Toy Story (1995)::Comedy
movies.csv   movieId,title,genres
"""
