// Package workbooks proves that contacts who leave as an Excel workbook come
// back as they were: see its test. It stands here because the two modules for
// workbooks do not need each other.
package workbooks
