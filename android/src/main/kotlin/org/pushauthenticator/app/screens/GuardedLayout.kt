package org.pushauthenticator.app.screens

import android.content.Context
import android.os.Build
import android.util.AttributeSet
import android.view.MotionEvent
import android.widget.LinearLayout

/** Rejects touches while another app's window covers this one, wholly or partly, and reports them. */
class GuardedLayout(context: Context, attributes: AttributeSet?) : LinearLayout(context, attributes) {
    /** Called for every rejected touch. */
    var onRefused: () -> Unit = {}

    override fun onFilterTouchEventForSecurity(event: MotionEvent): Boolean {
        var covered = MotionEvent.FLAG_WINDOW_IS_OBSCURED
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) covered = covered or MotionEvent.FLAG_WINDOW_IS_PARTIALLY_OBSCURED
        if (event.flags and covered == 0) return super.onFilterTouchEventForSecurity(event)
        onRefused()
        return false
    }
}
