"""The tests, by what they need.

- server: a real server, asked as a client asks it; a folder for each part of what it does
- cluster: a server, workers, and the broker between them
- ui: the page in a real browser
- faults: engines that fail, and servers that are killed
- engine, models and the other folders: classes and functions in this process, and the engine's child
- proofs: which test shows that a request field acts
- support: what they share, such as servers, engines, tiny models and upstreams
"""
