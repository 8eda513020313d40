"""Other ways to do the same, run with the same data, network and batches, so that ours can be measured against them.

They keep to themselves: own messages, own servers, own client. Of sfbench they use the data, the network and the rows.
"""
