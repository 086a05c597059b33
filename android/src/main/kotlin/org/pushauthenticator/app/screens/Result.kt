package org.pushauthenticator.app.screens

import android.app.Activity
import android.content.Intent
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import org.pushauthenticator.app.R

/** A result screen: how it went, and what to do now. [next] is a button beside *Done* and the screen that it opens. */
class Result(private val activity: Activity, private val view: View) {
    fun show(icon: Int, tint: Int, title: Int, text: String, next: Pair<Int, Class<out Activity>>? = null) {
        view.requireViewById<ImageView>(R.id.result_icon).run {
            setImageResource(icon)
            setColorFilter(activity.getColor(tint))
        }
        view.requireViewById<TextView>(R.id.result_title).setText(title)
        view.requireViewById<TextView>(R.id.result_text).text = text
        val done = view.requireViewById<Button>(R.id.done)
        next?.let { (label, target) ->
            // Only one of the two buttons is the primary one.
            done.setBackgroundResource(R.drawable.button_quiet)
            done.setTextColor(activity.getColor(R.color.accent))
            view.requireViewById<Button>(R.id.next).run {
                show(activity.getString(label))
                setOnClickListener {
                    activity.startActivity(Intent(activity, target))
                    activity.finish()
                }
            }
        }
        done.setOnClickListener { activity.finish() }
    }
}
