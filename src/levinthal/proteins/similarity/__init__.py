"""How alike two structures are: RMSD, native contacts, TM-score, GDT_TS, lDDT; helices."""
