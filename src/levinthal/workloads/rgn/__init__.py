"""Recurrent geometric network: protein sequence and profile to backbone structure (AlQuraishi 2019; Ma et al. 2020)."""
