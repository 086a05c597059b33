package org.pushauthenticator.app.screens

import android.content.Context
import android.content.Intent
import android.net.Uri
import android.provider.Settings
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.pushauthenticator.app.R

/** Shows [text], or hides the view if there is none. */
fun TextView.show(text: CharSequence?) {
    this.text = text
    visibility = if (text.isNullOrEmpty()) View.GONE else View.VISIBLE
}

/** Adds a label with its value below it; adds nothing if there is no value. */
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

/** Returns an intent for this app's notification settings. */
fun notificationSettings(context: Context): Intent =
    Intent(Settings.ACTION_APP_NOTIFICATION_SETTINGS).putExtra(Settings.EXTRA_APP_PACKAGE, context.packageName)

/** Returns an intent for this app's permission settings. */
fun appSettings(context: Context): Intent =
    Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", context.packageName, null))

/**
 * Rows of a list. A row keeps its view for as long as its item exists, so that nothing disappears while it is touched
 * or read aloud.
 */
class Rows<T>(
    private val list: ViewGroup, private val layout: Int, private val key: (T) -> String, private val bind: (View, T, isNew: Boolean) -> Unit,
) {
    private val shown = mutableMapOf<String, Pair<View, T>>()

    fun show(items: List<T>) {
        val keys = items.map(key)
        (shown.keys - keys.toSet()).forEach { gone -> shown.remove(gone)?.let { list.removeView(it.first) } }
        items.forEachIndexed { place, item ->
            val (row, before) = shown[keys[place]] ?: (list.add(layout) to null)
            if (list.indexOfChild(row) != place) {
                list.removeView(row)
                list.addView(row, place)
            }
            if (before != item) bind(row, item, before == null)
            shown[keys[place]] = row to item
        }
    }

    fun clear() {
        shown.clear()
        list.removeAllViews()
    }
}
