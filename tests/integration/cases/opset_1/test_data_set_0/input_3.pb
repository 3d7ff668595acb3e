BcolumnJ
×#½-r¿P—=