"""Documents of office programs: Word, spreadsheets, slides, OpenDocument and RTF."""
