package org.pushauthenticator.app.screens

import android.app.Activity
import android.view.View
import android.widget.ImageView
import android.widget.TextView
import org.pushauthenticator.app.R

/** The end of something: how it went, and what to do now. */
class Result(private val activity: Activity, private val view: View) {
    fun show(icon: Int, tint: Int, title: Int, text: String) {
        view.requireViewById<ImageView>(R.id.result_icon).run {
            setImageResource(icon)
            setColorFilter(activity.getColor(tint))
        }
        view.requireViewById<TextView>(R.id.result_title).setText(title)
        view.requireViewById<TextView>(R.id.result_text).text = text
        view.requireViewById<View>(R.id.done).setOnClickListener { activity.finish() }
    }
}
