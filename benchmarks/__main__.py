"""`make bench`: every benchmark, one after the other."""

from benchmarks import requests, stores

if __name__ == "__main__":
    stores.main()
    requests.main()
