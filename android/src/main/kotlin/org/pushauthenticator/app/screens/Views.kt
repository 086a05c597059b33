package org.pushauthenticator.app.screens

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.pushauthenticator.app.R

/** Shows [text], or nothing at all. */
fun TextView.show(text: CharSequence?) {
    this.text = text
    visibility = if (text.isNullOrEmpty()) View.GONE else View.VISIBLE
}

/** Adds a label with its value below; nothing where there is no value. */
fun ViewGroup.field(label: Int, value: CharSequence?) {
    if (value.isNullOrEmpty()) return
    val field = add(R.layout.field)
    field.requireViewById<TextView>(R.id.label).setText(label)
    field.requireViewById<TextView>(R.id.value).text = value
}

fun ViewGroup.line(text: CharSequence) {
    (add(R.layout.line) as TextView).text = text
}

fun ViewGroup.add(layout: Int): View = LayoutInflater.from(context).inflate(layout, this, false).also { addView(it) }
