package org.pushauthenticator.app.screens

import android.content.Context
import android.os.Build
import android.util.AttributeSet
import android.view.MotionEvent
import android.widget.LinearLayout

/** Takes no touch while another app's window lies over this one, wholly or in part, and says so. */
class GuardedLayout(context: Context, attributes: AttributeSet?) : LinearLayout(context, attributes) {
    /** Called with every touch that was refused. */
    var onRefused: () -> Unit = {}

    override fun onFilterTouchEventForSecurity(event: MotionEvent): Boolean {
        var covered = MotionEvent.FLAG_WINDOW_IS_OBSCURED
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) covered = covered or MotionEvent.FLAG_WINDOW_IS_PARTIALLY_OBSCURED
        if (event.flags and covered == 0) return super.onFilterTouchEventForSecurity(event)
        onRefused()
        return false
    }
}
