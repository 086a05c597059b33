package org.pushauthenticator.app.screens

import android.content.Context
import android.view.View
import android.view.ViewGroup
import org.pushauthenticator.EnrolmentPreview
import org.pushauthenticator.app.R

/** Shows what would be added, and any warnings about it. */
class PreviewCard(private val context: Context, private val card: ViewGroup, private val warnings: ViewGroup) {
    fun show(preview: EnrolmentPreview) {
        card.removeAllViews()
        card.visibility = View.VISIBLE
        card.field(R.string.issuer, preview.issuer)
        card.field(R.string.account, preview.account)
        card.field(R.string.host, preview.host ?: context.getString(R.string.host_none))
        card.field(R.string.host_in_letters, preview.unicodeHost?.name)
        card.field(R.string.kinds, context.kinds(preview.kinds))
        card.field(R.string.codes, preview.codes?.let { context.settings(it) })
        if (preview.takesDeviceKey) card.field(R.string.key, context.getString(R.string.key_offered))
        card.field(R.string.policies, context.policies(preview.policies))

        warnings.removeAllViews()
        preview.conflict?.let { warnings.line(context.getString(R.string.confirm_conflict)) }
        if (preview.unicodeHost?.mixesScripts == true) warnings.line(context.getString(R.string.confirm_mixed_scripts))
        preview.namesakes.forEach { other ->
            warnings.line(context.getString(R.string.confirm_namesake, other.host ?: context.getString(R.string.host_none)))
        }
        warnings.visibility = if (warnings.childCount > 0) View.VISIBLE else View.GONE
    }
}
