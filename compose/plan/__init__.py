"""What has to happen: the observed state and the wished one as data, and the steps between them.

Everything here is pure: plain values in, plain values out.
"""
